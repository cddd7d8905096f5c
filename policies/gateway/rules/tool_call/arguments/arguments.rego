# METADATA
# title: Readable arguments
# description: A tool is called with a JSON object as its arguments, for no rule can judge anything else.
# scope: package
# custom:
#   id: tools.arguments
#   action: block
#   owner: platform
package gateway.rules.tool_call.arguments

findings contains {
	"rule": "tools.arguments",
	"action": "block",
	"reason": "The arguments of a tool call are not a JSON object.",
} if {
	not _readable
}

_readable if is_object(input.tool_call.arguments)

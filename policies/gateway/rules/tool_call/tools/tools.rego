# METADATA
# title: Tools that are called
# description: A tool may be called only if it was granted to one of the subject's groups.
# scope: package
# custom:
#   id: tools.call
#   action: block
#   owner: platform
package gateway.rules.tool_call.tools

import data.gateway.lib.tools

findings contains {
	"rule": "tools.call",
	"action": "block",
	"reason": "None of your groups may use this tool.",
} if {
	not _granted
}

_granted if input.tool_call.name in tools.granted

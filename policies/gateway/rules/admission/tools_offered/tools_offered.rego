# METADATA
# title: Tools in a call
# description: A call offers the model no other tools than those granted to the subject's groups.
# scope: package
# custom:
#   id: tools.offered
#   action: redact
#   owner: platform
package gateway.rules.admission.tools_offered

import data.gateway.lib.tools

findings contains {
	"rule": "tools.offered",
	"action": "block",
	"reason": "The call offers a tool that none of your groups may use.",
} if {
	not _acceptable
}

findings contains {
	"rule": "tools.offered",
	"action": "redact",
	"reason": "A tool that none of your groups may use was taken out of the call.",
} if {
	_acceptable
	count(_ungranted) > 0
}

obligations contains {"strip_tools": _ungranted} if count(_ungranted) > 0

_acceptable if {
	_named
	count(_ungranted) == 0
}

_acceptable if {
	_named
	data.gateway.config.tools.ungranted == "strip"
}

_named if {
	every tool in input.tools {
		is_string(tool.name)
	}
}

_ungranted contains tool.name if {
	some tool in input.tools
	not tool.name in tools.granted
}

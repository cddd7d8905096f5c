# METADATA
# title: The router
# description: |
#   Asks every rule of the phase and joins what they say. The strictest finding is the action. What is not clearly
#   decided is blocked: an unknown phase or version, a phase without rules, a finding or an obligation nobody knows.
# scope: package
# custom:
#   id: gateway.undecided
#   action: block
#   owner: platform
package gateway.main

default decision := {
	"action": "block",
	"findings": [{
		"rule": "gateway.undecided",
		"action": "block",
		"reason": "The policies came to no decision.",
	}],
	"obligations": {},
}

decision := {
	"action": action,
	"findings": findings,
	"obligations": demanded,
} if {
	input.version == 1
	input.phase in {"admission", "prompt", "tool_call", "answer"}
	count(_rules) > 0
}

# A new rule is a new folder beside the others: nothing here changes.
_rules := data.gateway.rules[input.phase]

findings contains finding if some finding in _rules[_].findings

# Undefined if any finding has an action that is none of the three.
action := "block" if {
	"block" in _actions
} else := "redact" if {
	"redact" in _actions
	every word in _actions {
		word in {"allow", "redact"}
	}
} else := "allow" if {
	every word in _actions {
		word == "allow"
	}
}

# A finding without an action is as unknown as one with a wrong action.
_actions contains object.get(finding, "action", "missing") if some finding in findings

# Only what passes is under obligations.
demanded := {} if action == "block"

demanded := obligations if {
	action in {"allow", "redact"}
	_understood
}

# An obligation that is not known here cannot be met, so it must not be lost on the way.
_understood if {
	every demand in _demands {
		is_object(demand)
		every name, _ in demand {
			name in _known
		}
		every side, _ in object.get(demand, "redact", {}) {
			side in {"prompt", "answer"}
		}
	}
}

_known := {"redact", "withhold", "strip_tools", "soft", "max_tokens", "no_mirror"}

_demands contains demand if some demand in _rules[_].obligations

obligations["redact"] := redact if {
	redact := {side: plans |
		some side in ["prompt", "answer"]
		plans := {plan | some plan in _demands[_].redact[side]}
		count(plans) > 0
	}
	count(redact) > 0
}

obligations["withhold"] := documents if {
	documents := {document | some document in _demands[_].withhold}
	count(documents) > 0
}

obligations["strip_tools"] := tools if {
	tools := {tool | some tool in _demands[_].strip_tools}
	count(tools) > 0
}

obligations["soft"] := rules if {
	rules := {rule | some rule in _demands[_].soft}
	count(rules) > 0
}

obligations["max_tokens"] := min(caps) if {
	caps := {demand.max_tokens | some demand in _demands}
	count(caps) > 0
}

obligations["no_mirror"] if {
	some demand in _demands
	demand.no_mirror
}

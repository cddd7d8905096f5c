# Whole input documents for the tests of the rules, one a phase.
package gateway.lib.samples_test

base := {
	"version": 1,
	"subject": {"id": "fiona", "tenant": "default", "groups": ["finance"], "clearances": []},
	"actor": {"id": "ledger-app"},
	"identity": {"method": "api_key"},
	"dialect": "openai_chat",
	"operation": "chat",
	"model": "smollm2-finance",
	"upstream": {"name": "local", "residency": "eu"},
	"stream": false,
	"parameters": {"temperature": 0.2},
	"tools": [{"name": "read_ledger"}],
	"messages": [{"role": "user", "source": "message", "chars": 120, "tokens": 30}],
	"documents": [],
	"unscannable": [],
	"tokens": {"prompt": 30, "requested": 100},
}

admission := object.union(base, {"phase": "admission"})

prompt := object.union(base, {
	"phase": "prompt",
	"entities": {},
	"soft": {
		"soft.no-weapons": {"status": "pass", "score": 0.1},
		"soft.no-salaries": {"status": "pass", "score": 0.2},
	},
})

tool_call := object.union(base, {
	"phase": "tool_call",
	"tool_call": {"name": "read_ledger", "arguments": {"quarter": 3}, "source": "model"},
})

answer := object.union(base, {
	"phase": "answer",
	"answer": {
		"final": true,
		"lanes": [{"choice": 0, "kind": "content", "index": 0, "chars": 40}],
		"entities": {},
		"soft": {},
		"finish": {"0": "stop"},
		"usage": null,
		"documents": [],
	},
})

# One rule denies, and nothing else is said.
denied(findings, rule) if {{"rule": finding.rule, "action": finding.action} | some finding in findings} == {{
	"rule": rule,
	"action": "block",
}}

# The sample with some of its values replaced, however deep.
changed(sample, changes) := object.union(sample, changes)

test_the_router_allows_every_sample if {
	every sample in [prompt, tool_call, answer] {
		data.gateway.main.decision == {"action": "allow", "findings": set(), "obligations": {}} with input as sample
	}
	data.gateway.main.decision.action == "allow" with input as admission
}

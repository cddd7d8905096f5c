package gateway.rules.admission.redaction_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.redaction

test_everyone_has_the_common_plan if {
	some obligation in redaction.obligations with input as samples.admission
	some plan in obligation.redact.prompt
	plan.kind == "PERSON"
}

test_a_group_adds_its_plan if {
	extra := {"kind": "CRYPTO", "score": 0.5, "restore": false}
	{"redact": {"answer": [extra]}} in redaction.obligations with input as samples.admission
		with data.gateway.config.redaction.answer.finance as [extra]
}

test_a_missing_plan_is_denied if {
	every missing in [{}, {"prompt": {}}, {"answer": {}}] {
		samples.denied(redaction.findings, "redaction.plan") with input as samples.admission
			with data.gateway.config.redaction as missing
	}
}

test_a_plan_passes_without_a_finding if count(redaction.findings) == 0 with input as samples.admission

# Who is nobody gets no plan from here; `subject.known` blocks them.
test_an_empty_input_has_no_plan if count(redaction.obligations) == 0 with input as {}

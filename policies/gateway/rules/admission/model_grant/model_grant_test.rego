package gateway.rules.admission.model_grant_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.model_grant

test_a_granted_model_passes if count(model_grant.findings) == 0 with input as samples.admission

test_a_model_of_another_group_is_denied if {
	some finding in model_grant.findings with input as samples.changed(samples.admission, {"subject": {"groups": ["engineering"]}})
	finding == {"rule": "model.grant", "action": "block", "reason": "None of your groups has a grant for this model."}
}

test_one_of_several_groups_is_enough if {
	count(model_grant.findings) == 0 with input as samples.changed(
		samples.admission,
		{"subject": {"groups": ["engineering", "finance"]}},
	)
}

test_a_model_granted_to_everyone_passes if {
	count(model_grant.findings) == 0 with input as samples.changed(samples.admission, {"subject": {"id": "f", "groups": []}})
		with data.gateway.config.grants.models as {"everyone": ["smollm2-finance"]}
}

test_an_empty_input_is_denied if samples.denied(model_grant.findings, "model.grant") with input as {}

package gateway.rules.admission.choices_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.choices

test_one_answer_passes if count(choices.findings) == 0 with input as samples.admission

test_the_ceiling_itself_passes_and_one_more_is_denied if {
	count(choices.findings) == 0 with input as samples.changed(samples.admission, {"parameters": {"n": 2}})
	samples.denied(choices.findings, "tokens.choices") with input as samples.changed(samples.admission, {"parameters": {"n": 3}})
}

test_the_highest_ceiling_of_the_groups_counts if {
	count(choices.findings) == 0 with input as samples.changed(samples.admission, {"parameters": {"n": 9}})
		with data.gateway.config.limits as {"everyone": {"choices": 1}, "finance": {"choices": 9}}
}

test_a_count_that_is_no_number_is_denied if {
	samples.denied(choices.findings, "tokens.choices") with input as samples.changed(samples.admission, {"parameters": {"n": null}})
}

test_an_empty_input_is_denied if samples.denied(choices.findings, "tokens.choices") with input as {}

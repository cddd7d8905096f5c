package gateway.rules.admission.choices_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.choices

test_one_answer_passes if count(choices.findings) == 0 with input as samples.admission

test_the_ceiling_itself_passes_and_one_more_is_denied if {
	count(choices.findings) == 0 with input as samples.changed(samples.admission, {"parameters": {"n": 2}})
	count(choices.findings) == 1 with input as samples.changed(samples.admission, {"parameters": {"n": 3}})
}

test_a_count_that_is_no_number_is_denied if {
	count(choices.findings) == 1 with input as samples.changed(samples.admission, {"parameters": {"n": null}})
}

test_an_empty_input_is_denied if count(choices.findings) == 1 with input as {}

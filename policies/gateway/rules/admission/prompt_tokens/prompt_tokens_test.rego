package gateway.rules.admission.prompt_tokens_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.prompt_tokens

test_a_short_prompt_passes if count(prompt_tokens.findings) == 0 with input as samples.admission

test_the_ceiling_itself_passes_and_one_more_is_denied if {
	count(prompt_tokens.findings) == 0 with input as samples.changed(samples.admission, {"tokens": {"prompt": 8192}})
	samples.denied(prompt_tokens.findings, "tokens.prompt") with input as samples.changed(samples.admission, {"tokens": {"prompt": 8193}})
}

test_groups_without_a_ceiling_have_the_one_of_everyone if {
	samples.denied(prompt_tokens.findings, "tokens.prompt") with input as samples.changed(
		samples.admission,
		{"subject": {"groups": ["sales"]}, "tokens": {"prompt": 4097}},
	)
}

test_a_count_that_is_no_number_is_denied if {
	every count_of in [null, false, "30"] {
		samples.denied(prompt_tokens.findings, "tokens.prompt") with input as samples.changed(
			samples.admission,
			{"tokens": {"prompt": count_of}},
		)
	}
}

test_an_empty_input_is_denied if samples.denied(prompt_tokens.findings, "tokens.prompt") with input as {}

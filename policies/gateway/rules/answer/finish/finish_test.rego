package gateway.rules.answer.finish_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.answer.finish

test_a_known_end_passes if count(finish.findings) == 0 with input as samples.answer

test_an_answer_that_goes_on_passes if {
	count(finish.findings) == 0 with input as samples.changed(samples.answer, {"answer": {"final": false, "finish": {}}})
}

test_an_unknown_reason_is_blocked if {
	samples.denied(finish.findings, "answer.finish") with input as samples.changed(samples.answer, {"answer": {"finish": {"0": "abort"}}})
}

test_one_unknown_reason_among_known_ones_is_blocked if {
	samples.denied(finish.findings, "answer.finish") with input as samples.changed(samples.answer, {"answer": {"finish": {"1": "abort"}}})
}

test_an_answer_that_does_not_say_whether_it_goes_on_is_blocked if {
	every final in [null, "true", 1] {
		samples.denied(finish.findings, "answer.finish") with input as samples.changed(
			samples.answer,
			{"answer": {"final": final}},
		)
	}
}

test_an_end_without_a_reason_is_blocked if {
	samples.denied(finish.findings, "answer.finish") with input as object.union(samples.base, {"answer": {"final": true, "finish": {}}})
}

test_an_empty_input_is_blocked if samples.denied(finish.findings, "answer.finish") with input as {}

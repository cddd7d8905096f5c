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

_measure := object.union(samples.base, {"operation": "embeddings", "answer": {"final": true, "lanes": [], "finish": {}}})

test_an_answer_of_numbers_ends_without_a_reason if {
	every operation in ["embeddings", "rerank", "classify", "tokenize"] {
		count(finish.findings) == 0 with input as samples.changed(_measure, {"operation": operation})
	}
}

test_an_answer_of_words_does_not if {
	every operation in ["chat", "text_completion", "unheard_of", null] {
		samples.denied(finish.findings, "answer.finish") with input as samples.changed(_measure, {"operation": operation})
	}
}

test_words_among_numbers_need_a_known_end if {
	samples.denied(finish.findings, "answer.finish") with input as samples.changed(
		_measure,
		{"answer": {"lanes": [{"choice": 0, "kind": "content", "index": 0, "chars": 4}]}},
	)
	samples.denied(finish.findings, "answer.finish") with input as samples.changed(_measure, {"answer": {"finish": {"0": "abort"}}})
}

test_numbers_without_word_of_their_lanes_are_blocked if {
	samples.denied(finish.findings, "answer.finish") with input as object.union(samples.base, {
		"operation": "embeddings",
		"answer": {"final": true, "finish": {}},
	})
}

test_an_empty_input_is_blocked if samples.denied(finish.findings, "answer.finish") with input as {}

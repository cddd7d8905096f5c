package gateway.rules.answer.documents_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.answer.documents

_quoting(ids) := samples.changed(samples.answer, {"answer": {"documents": [{"id": id, "source": "fingerprint", "chars": 200} | some id in ids]}})

test_an_answer_that_quotes_nothing_or_what_the_subject_may_see_passes if {
	count(documents.findings) == 0 with input as samples.answer
	count(documents.findings) == 0 with input as _quoting(["fin-2026-q3", "eng-handbook"])
}

test_an_answer_that_quotes_what_the_subject_may_not_see_is_denied if {
	engineer := samples.changed(_quoting(["eng-handbook", "fin-2026-q3"]), {"subject": {"groups": ["engineering"]}})
	samples.denied(documents.findings, "documents.answer") with input as engineer
	samples.denied(documents.findings, "documents.answer") with input as _quoting(["unknown"])
}

test_an_answer_that_nobody_looked_for_passages_in_is_denied if {
	every looked in [null, "none", {}] {
		samples.denied(documents.findings, "documents.answer") with input as samples.changed(samples.answer, {"answer": {"documents": looked}})
	}
}

test_an_empty_input_is_denied if {
	samples.denied(documents.findings, "documents.answer") with input as {}
}

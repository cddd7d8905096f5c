package gateway.rules.admission.documents_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.documents

_with(ids) := samples.changed(samples.admission, {"documents": [{"id": id, "source": "field", "chars": 9} | some id in ids]})

_as_engineer(ids) := samples.changed(_with(ids), {"subject": {"groups": ["engineering"]}})

test_documents_of_the_own_group_and_of_everyone_stay if {
	count(documents.findings) == 0 with input as _with(["fin-2026-q3", "eng-handbook"])
	count(documents.obligations) == 0 with input as _with(["fin-2026-q3", "eng-handbook"])
}

test_a_document_of_another_group_is_withheld if {
	documents.obligations == {{"withhold": [{"document": "fin-2026-q3", "notice": true}]}} with input as _as_engineer(["fin-2026-q3", "eng-handbook"])
	some finding in documents.findings with input as _as_engineer(["fin-2026-q3"])
	finding.action == "redact"
}

test_an_unknown_document_has_the_default_label if {
	documents.obligations == {{"withhold": [{"document": "#0", "notice": true}]}} with input as _with(["#0"])
	count(documents.obligations) == 0 with input as _with(["#0"]) with data.gateway.config.documents.default as "public"
}

test_a_clearance_for_the_label_is_enough if {
	cleared := samples.changed(_as_engineer(["fin-2026-q3"]), {"subject": {"clearances": ["finance"]}})
	count(documents.obligations) == 0 with input as cleared
}

test_a_document_withheld_without_notice_leaves_no_finding if {
	count(documents.findings) == 0 with input as _as_engineer(["fin-2026-q3"])
		with data.gateway.config.documents.classifications.finance.notice as false
	documents.obligations == {{"withhold": [{"document": "fin-2026-q3", "notice": false}]}} with input as _as_engineer(["fin-2026-q3"])
		with data.gateway.config.documents.classifications.finance.notice as false
}

test_a_label_that_is_not_described_is_withheld_in_silence if {
	documents.obligations == {{"withhold": [{"document": "fin-2026-q3", "notice": false}]}} with input as _with(["fin-2026-q3"])
		with data.gateway.config.documents.classifications as {}
}

test_what_the_caller_says_about_a_label_counts_for_nothing if {
	claimed := samples.changed(samples.admission, {
		"subject": {"groups": ["engineering"]},
		"documents": [{"id": "fin-2026-q3", "classification": "public"}],
	})
	count(documents.obligations) == 1 with input as claimed
}

test_a_document_that_cannot_be_named_is_denied if {
	every document in [{}, {"id": null}, "text"] {
		some finding in documents.findings with input as samples.changed(samples.admission, {"documents": [document]})
		finding.action == "block"
	}
}

test_an_empty_input_is_denied if {
	some finding in documents.findings with input as {}
	finding.action == "block"
}

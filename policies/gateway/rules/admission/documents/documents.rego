# METADATA
# title: Need to know
# description: "A document reaches the model only if the subject may see it; others are withheld."
# scope: package
# custom:
#   id: documents.need-to-know
#   action: redact
#   owner: security
package gateway.rules.admission.documents

import data.gateway.lib.documents

findings contains {
	"rule": "documents.need-to-know",
	"action": "block",
	"reason": "A document without an id has no label, so it cannot be shown.",
} if {
	not _nameable
}

# A document that is withheld without notice leaves no trace, not even a finding.
findings contains {
	"rule": "documents.need-to-know",
	"action": "redact",
	"reason": "A document that you are not cleared to see was withheld.",
} if {
	some document in _hidden
	documents.notice(document)
}

obligations contains {"withhold": [{"document": document.id, "notice": documents.notice(document)}]} if {
	some document in _hidden
}

_hidden contains document if {
	some document in input.documents
	not documents.visible(document)
}

_nameable if {
	is_array(input.documents)
	every document in _hidden {
		is_string(document.id)
	}
}

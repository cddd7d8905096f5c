# METADATA
# title: Need to know, in the answer
# description: An answer holds no passage of a document that the subject may not see, wherever the model had it from.
# scope: package
# custom:
#   id: documents.answer
#   action: block
#   owner: security
package gateway.rules.answer.documents

import data.gateway.lib.documents

findings contains {
	"rule": "documents.answer",
	"action": "block",
	"reason": "The answer quotes a document that you are not cleared to see.",
} if {
	not _visible
}

_visible if {
	is_array(input.answer.documents)
	every document in input.answer.documents {
		documents.visible(document)
	}
}

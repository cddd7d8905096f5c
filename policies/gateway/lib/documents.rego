# METADATA
# title: Labels of documents
# description: |
#   A document's classification comes from the register alone, by its id. No id, or an unknown one: the default.
# scope: package
package gateway.lib.documents

import data.gateway.lib.subject

classification(document) := label if {
	label := data.gateway.config.documents.register[document.id].classification
} else := data.gateway.config.documents.default

visible(document) if {
	some group in data.gateway.config.documents.classifications[classification(document)].groups
	group in subject.groups
}

visible(document) if classification(document) in input.subject.clearances

# Silence about a document is stricter than a notice, so it is what a classification without one gets.
notice(document) := object.get(
	data.gateway.config.documents.classifications,
	[classification(document), "notice"],
	false,
)

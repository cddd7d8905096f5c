# METADATA
# title: Answers without words
# description: "Embeddings, scores, classes and tokens: such an answer has no lane of text, so nothing to judge, and no reason to end."
# scope: package
package gateway.lib.answers

# It is whole, and not a word was in it.
wordless if {
	input.operation in data.gateway.config.answers.measures
	input.answer.final == true
	input.answer.lanes == []
	input.answer.finish == {}
}

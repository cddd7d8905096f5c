# METADATA
# title: Who is asking
# description: The groups of the subject. Everybody who was identified is in `everyone`.
# scope: package
package gateway.lib.subject

groups contains group if some group in input.subject.groups

groups contains "everyone" if count(input.subject.id) > 0

# METADATA
# title: Ceilings
# description: The highest ceiling of the subject's groups. Undefined for a subject in no group at all.
# scope: package
package gateway.lib.limits

import data.gateway.lib.subject

prompt_tokens := max({data.gateway.config.limits[group].prompt_tokens | some group in subject.groups})

answer_tokens := max({data.gateway.config.limits[group].answer_tokens | some group in subject.groups})

choices := max({data.gateway.config.limits[group].choices | some group in subject.groups})

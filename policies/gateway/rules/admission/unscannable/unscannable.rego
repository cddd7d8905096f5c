# METADATA
# title: Unscannable parts
# description: A part that no inspector can read passes only if its kind was granted to one of the subject's groups.
# scope: package
# custom:
#   id: media.unscannable
#   action: block
#   owner: security
package gateway.rules.admission.unscannable

import data.gateway.lib.subject

findings contains {
	"rule": "media.unscannable",
	"action": "block",
	"reason": "The call has a part that cannot be inspected.",
} if {
	not _granted
}

_granted if {
	is_array(input.unscannable)
	every part in input.unscannable {
		some group in subject.groups
		part.kind in data.gateway.config.media.unscannable[group]
	}
}

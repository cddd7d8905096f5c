# METADATA
# title: A known subject
# description: A call is made by an actor for a subject, and both are known.
# scope: package
# custom:
#   id: subject.known
#   action: block
#   owner: platform
package gateway.rules.admission.subject_known

findings contains {
	"rule": "subject.known",
	"action": "block",
	"reason": "It is not known who is asking.",
} if {
	not _known
}

_methods := {
	"anonymous",
	"api_key",
	"client_certificate",
	"forwarded_certificate",
	"forwarded_claims",
	"jwt",
}

_known if {
	count(input.subject.id) > 0
	count(input.subject.tenant) > 0
	count(input.actor.id) > 0
	input.identity.method in _methods
	object.get(input.identity, "actor_method", input.identity.method) in _methods
	every group in input.subject.groups {
		is_string(group)
	}
	every clearance in input.subject.clearances {
		is_string(clearance)
	}
}

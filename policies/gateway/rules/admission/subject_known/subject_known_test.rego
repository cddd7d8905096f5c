package gateway.rules.admission.subject_known_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.subject_known

test_a_known_subject_passes if count(subject_known.findings) == 0 with input as samples.admission

test_the_shortest_names_are_names if {
	count(subject_known.findings) == 0 with input as samples.changed(
		samples.admission,
		{"subject": {"id": "f", "tenant": "d"}, "actor": {"id": "a"}},
	)
}

test_every_way_to_be_verified_is_known if {
	every method in ["anonymous", "api_key", "client_certificate", "forwarded_certificate", "forwarded_claims", "jwt"] {
		count(subject_known.findings) == 0 with input as samples.changed(
			samples.admission,
			{"identity": {"method": method, "actor_method": method}},
		)
	}
}

test_an_empty_input_is_blocked if samples.denied(subject_known.findings, "subject.known") with input as {}

test_each_part_of_who_is_asking_is_needed if {
	every change in [
		{"subject": {"id": ""}},
		{"subject": {"id": 7}},
		{"subject": {"tenant": ""}},
		{"subject": {"groups": [1]}},
		{"subject": {"groups": null}},
		{"subject": {"clearances": [null]}},
		{"actor": {"id": ""}},
		{"actor": null},
		{"identity": {"method": "header"}},
		{"identity": {"method": "jwt", "actor_method": "header"}},
		{"identity": {"method": "jwt", "actor_method": null}},
	] {
		samples.denied(subject_known.findings, "subject.known") with input as samples.changed(samples.admission, change)
	}
}

package gateway.rules.admission.unscannable_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.unscannable

_image := samples.changed(samples.admission, {"unscannable": [{"where": "messages/0/content/1", "kind": "image_url"}]})

test_a_call_of_text_alone_passes if count(unscannable.findings) == 0 with input as samples.admission

test_an_image_is_denied if samples.denied(unscannable.findings, "media.unscannable") with input as _image

test_a_kind_that_was_granted_passes if {
	count(unscannable.findings) == 0 with input as _image
		with data.gateway.config.media.unscannable as {"finance": ["image_url"]}
}

test_every_part_needs_its_grant if {
	samples.denied(unscannable.findings, "media.unscannable") with input as samples.changed(_image, {"unscannable": [{"kind": "image_url"}, {"kind": "file"}]})
		with data.gateway.config.media.unscannable as {"finance": ["image_url"]}
}

test_a_list_that_is_none_is_denied if {
	samples.denied(unscannable.findings, "media.unscannable") with input as object.union(
		object.remove(samples.admission, {"unscannable"}),
		{"unscannable": {}},
	)
}

test_an_empty_input_is_denied if samples.denied(unscannable.findings, "media.unscannable") with input as {}

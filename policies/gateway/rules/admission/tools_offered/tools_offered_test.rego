package gateway.rules.admission.tools_offered_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.tools_offered

test_granted_tools_stay if {
	count(tools_offered.findings) == 0 with input as samples.admission
	count(tools_offered.obligations) == 0 with input as samples.admission
}

test_a_tool_of_another_group_is_taken_out_and_told if {
	offered := samples.changed(samples.admission, {"tools": [{"name": "search_code"}, {"name": "read_ledger"}]})
	tools_offered.obligations == {{"strip_tools": {"search_code"}}} with input as offered
	some finding in tools_offered.findings with input as offered
	finding.action == "redact"
}

test_a_tool_of_another_group_is_denied_where_the_list_says_so if {
	samples.denied(tools_offered.findings, "tools.offered") with input as samples.changed(
		samples.admission,
		{"tools": [{"name": "search_code"}]},
	)
		with data.gateway.config.tools.ungranted as "deny"
}

test_a_tool_without_a_name_is_denied if {
	some finding in tools_offered.findings with input as samples.changed(samples.admission, {"tools": [{}]})
	finding.action == "block"
}

test_an_empty_input_is_denied if {
	some finding in tools_offered.findings with input as {}
	finding.action == "block"
}

package gateway.rules.tool_call.tools_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.tool_call.tools

test_a_granted_tool_may_be_called if count(tools.findings) == 0 with input as samples.tool_call

test_a_tool_of_everyone_may_be_called if {
	count(tools.findings) == 0 with input as samples.changed(samples.tool_call, {"tool_call": {"name": "get_weather"}})
}

test_a_tool_of_another_group_may_not_be_called if {
	samples.denied(tools.findings, "tools.call") with input as samples.changed(samples.tool_call, {"tool_call": {"name": "search_code"}})
}

test_an_empty_input_is_denied if samples.denied(tools.findings, "tools.call") with input as {}

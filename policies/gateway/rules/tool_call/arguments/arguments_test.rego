package gateway.rules.tool_call.arguments_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.tool_call.arguments

test_an_object_passes if count(arguments.findings) == 0 with input as samples.tool_call

test_anything_else_is_denied if {
	every other in [null, "{}", [], 1] {
		samples.denied(arguments.findings, "tools.arguments") with input as samples.changed(
			samples.tool_call,
			{"tool_call": {"arguments": other}},
		)
	}
}

test_an_empty_input_is_denied if samples.denied(arguments.findings, "tools.arguments") with input as {}

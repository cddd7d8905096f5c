package gateway.rules.admission.soft_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.soft

test_every_soft_rule_is_asked if {
	some obligation in soft.obligations with input as samples.admission
	{ask.rule | some ask in obligation.soft} == {"soft.no-weapons", "soft.no-salaries"}
	count(soft.findings) == 0 with input as samples.admission
}

test_a_missing_list_is_denied if {
	samples.denied(soft.findings, "soft.plan") with input as samples.admission with data.gateway.config.soft_rules as {}
}

test_an_empty_input_is_asked_all_the_same if count(soft.obligations) == 1 with input as {}

# METADATA
# title: Verdicts of soft rules
# description: What the judge's word on a soft rule, or its silence, means for the exchange.
# scope: package
package gateway.lib.soft

# The judge found nothing wrong.
passes(rule, verdicts) if verdicts[rule.rule].status == "pass"

# The judge failed, and the rule's owner wrote down that this passes.
excused(rule, verdicts) if {
	verdicts[rule.rule].status == "error"
	rule.on_error == "allow"
}

# The judge is still being asked, beside the model.
awaited(rule, verdicts) if {
	verdicts[rule.rule].status == "pending"
	rule.when == "beside"
}

broken(rule, verdicts) if verdicts[rule.rule].status == "fail"

denial(rule, verdicts) := {"rule": rule.rule, "action": "block", "reason": concat("", ["A soft rule: ", rule.sentence])} if {
	broken(rule, verdicts)
} else := {
	"rule": rule.rule,
	"action": "block",
	"reason": concat("", ["A soft rule could not be judged: ", rule.sentence]),
}

excuse(rule) := {
	"rule": rule.rule,
	"action": "allow",
	"reason": concat("", ["Passed without a verdict, as the rule's owner allows: ", rule.sentence]),
}

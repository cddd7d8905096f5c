# METADATA
# title: Granted tools
# description: The tools that the subject's groups may use.
# scope: package
package gateway.lib.tools

import data.gateway.lib.subject

granted contains tool if {
	some group in subject.groups
	some tool in data.gateway.config.tools.groups[group]
}

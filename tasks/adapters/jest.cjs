const path = require("path");
const again = require("./again.cjs");

module.exports = class {
	onTestResult(_, result) {
		for (const t of result.testResults) {
			if (t.status === "passed" && t.invocations > 1) {
				const name = [...t.ancestorTitles, t.title].join(" ");
				again({ name, classname: name, file: path.relative(process.cwd(), result.testFilePath) });
			}
		}
	}
};

const again = require("./again.cjs");

exports.mochaHooks = {
	afterEach() {
		const t = this.currentTest;
		if (t && t.state === "passed" && t.currentRetry() > 0) {
			again({ name: t.title, classname: t.parent.fullTitle(), file: t.file || "" });
		}
	},
};

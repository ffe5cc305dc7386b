import path from "node:path";
import again from "./again.cjs";

const note = (file, names) => again({ name: names.join(" > "), classname: path.relative(process.cwd(), file) });

const walk = (file, task, names) => {
	for (const t of task.tasks || []) {
		walk(file, t, [...names, t.name]);
		if (t.result?.state === "pass" && t.result.retryCount > 0 && !t.tasks) note(file, [...names, t.name]);
	}
};

export default class {
	onFinished(files) { // until vitest 3
		for (const f of files || []) walk(f.filepath, f, []);
	}
	onTestRunEnd(modules) {
		for (const m of modules || []) {
			for (const t of m.children.allTests()) {
				if (t.diagnostic()?.flaky) note(m.moduleId, t.fullName.split(" > "));
			}
		}
	}
}

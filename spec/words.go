package spec

// The words of the formats in the languages that they are met in. They are functions: nothing is built at start-up.

func requirementWords() []string {
	return []string{"requirement", "req", "要件", "要求", "需求", "요구사항", "المتطلب", "متطلب", "דרישה", "requisito", "requerimiento",
		"anforderung", "exigence", "требование", "yêu cầu", "vereiste", "persyaratan"}
}

func requirementPlurals() []string {
	return []string{"requirements", "reqs", "المتطلبات", "דרישות", "requisitos", "requerimientos", "anforderungen", "exigences", "требования", "vereisten"}
}

func acceptanceWords() []string {
	return []string{"acceptance criteria", "受け入れ基準", "受け入れ条件", "受入基準", "受入条件", "验收标准", "验收条件", "驗收標準", "驗收條件", "معايير القبول",
		"승인 기준", "인수 기준", "수용 기준", "קריטריוני קבלה", "akzeptanzkriterien", "criterios de aceptación", "criterios de aceptacion", "critérios de aceit",
		"critères d'acceptation", "criteri di accettazione", "tiêu chí chấp nhận", "критерии приёмки", "критерии приемки", "acceptatiecriteria"}
}

func taskWords() []string {
	return []string{"task", "任务", "任務", "タスク", "작업", "tarea", "tarefa", "aufgabe", "tâche", "المهمة", "משימה", "задача"}
}

func propertyWords() []string {
	return []string{"property", "propiedad", "propriedade", "propriété", "eigenschaft", "プロパティ", "属性", "屬性", "正确性属性", "正確性屬性", "속성",
		"الخاصية", "خاصية", "תכונה", "свойство"}
}

// Works with the compiled client as its user would: `node use.js URL KEY CONVERSATION`.

import { strict as assert } from "node:assert";
import { helpdesk, type components } from "helpdesk-api";

const [url = "", key = "", conversation_id = ""] = process.argv.slice(2);
const api = helpdesk(url, key);

const listed = await api.GET("/api/v1/conversations", { params: { query: { limit: 1 } } });
assert.equal(listed.data?.results[0]?.id, conversation_id);

const path = { conversation_id };
const written = await api.POST("/api/v1/conversations/{conversation_id}/messages", {
  params: { path },
  body: { text: "Olá, **Davi**" },
});
const message: components["schemas"]["Message"] | undefined = written.data;
assert.equal(message?.author.kind, "operator");

const made = await api.POST("/api/v1/tickets", {
  params: { header: { "Idempotency-Key": "order-1" } },
  body: { subject: "Pedido", conversation: conversation_id },
});
assert.equal(made.data?.subject, "Pedido");

const missing = await api.GET("/api/v1/conversations/{conversation_id}", {
  params: { path: { conversation_id: "00000000-0000-4000-8000-000000000000" } },
});
assert.equal(missing.error?.code, "not_found");

// @ts-expect-error A subject is a text: the compiler says so before the server does.
await api.POST("/api/v1/tickets", { body: { subject: 5 } });
console.log(made.data?.reference);

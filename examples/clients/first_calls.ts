// First calls with types that were generated from the document; see README.md beside it. 使用生成的类型进行首次调用。
//
//     EXCHANGE_URL=… EXCHANGE_TOKEN=… node first_calls.js
//
// Reads a region, registers two persons of whom one is refused, and asks for an agreement that is not there. Paths, parameters, bodies,
// answers and refusals are checked by the compiler. Exit code 1 when anything is not as it must be.

import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./exchange";

declare const process: { env: Record<string, string | undefined>; exit(code: number): never };

type Media = "application/json" | "application/problem+json";
type NewWorker = components["schemas"]["NewWorker"];

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

function expect(what: string, got: unknown, wanted: unknown): void {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
  }
}

const authorized: Middleware = {
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${setting("EXCHANGE_TOKEN")}`);
    request.headers.set("Accept-Language", "zh-CN");
    return request;
  },
};

async function main(): Promise<void> {
  // Lists go out as CSV and as workbooks too; the second type argument says which forms this program reads.
  const client = createClient<paths, Media>({ baseUrl: setting("EXCHANGE_URL") });
  client.use(authorized);

  const region = await client.GET("/v1/regions/{code}", { params: { path: { code: "432621" } } });
  expect("successor of 432621", region.data?.successors.map((successor) => successor.code), ["430523"]);

  const right: NewWorker = { name: "王秀", identity_number: "430523197004119994", hukou_code: "430523", partner_ref: "GEN-003" };
  const mistyped: NewWorker = { ...right, name: "陈建", identity_number: "430523197004119979", partner_ref: "GEN-004" };
  // A repetition of the same request needs the same key, so that nothing happens twice.
  const header = { "Idempotency-Key": crypto.randomUUID() };
  for (let turn = 0; turn < 2; turn += 1) {
    const receipts = await client.POST("/v1/worker-batches", { params: { header }, body: { rows: [right, mistyped] } });
    if (!receipts.data || !("results" in receipts.data)) throw new Error("a call this small is answered at once");
    expect("which rows are refused", receipts.data.results.map((row) => row.status === "rejected"), [false, true]);
  }
  const page = await client.GET("/v1/workers", { params: { query: { partner_ref: "GEN-003" } } });
  expect("workers with our reference", page.data?.items.map((worker) => worker.partner_ref), ["GEN-003"]);

  const missing = await client.GET("/v1/agreements/{agreement_id}", {
    params: { path: { agreement_id: "00000000-0000-0000-0000-000000000000" } },
  });
  expect("the refusal", [missing.response.status, missing.error?.code], [404, "not_found"]);
  console.log(`TypeScript: one person is registered, one was refused; an agreement that is not there: ${missing.error?.title}`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

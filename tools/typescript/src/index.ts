// A client whose paths, parameters, bodies and answers have the types of the API's description.

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, paths };
export type Helpdesk = Client<paths>;

/** Returns a client for an installation, such as "https://desk.example.com", that sends `key` along. */
export function helpdesk(url: string, key: string): Helpdesk {
  return createClient<paths>({ baseUrl: url.replace(/\/$/, ""), headers: { "X-API-Key": key } });
}

// JSON-RPC 1.0 as OVSDB and the daemons of Open vSwitch speak it (RFC 7047, section 4).

export type RpcMessage =
  | { readonly kind: 'request'; readonly id: unknown; readonly method: string; readonly params: readonly unknown[] }
  | { readonly kind: 'notification'; readonly method: string; readonly params: readonly unknown[] }
  | { readonly kind: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: unknown };

/** What a parsed JSON value means, or undefined for anything else. */
export function readRpcMessage(value: unknown): RpcMessage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, method, params, result, error } = value as Readonly<Record<string, unknown>>; // parse edge: every field is checked below
  if (typeof method === 'string') {
    const list = Array.isArray(params) ? params : [];
    return id === null || id === undefined ? { kind: 'notification', method, params: list } : { kind: 'request', id, method, params: list };
  }
  if (typeof id !== 'number') return undefined;
  return error === null || error === undefined ? { kind: 'answer', id, result } : { kind: 'error', id, error };
}

export function requestText(id: number, method: string, params: readonly unknown[]): string {
  return JSON.stringify({ id, method, params });
}

/** An answer that carries what was asked back, which is all that `echo` wants. */
export function answerText(id: unknown, result: unknown): string {
  return JSON.stringify({ id, result, error: null });
}

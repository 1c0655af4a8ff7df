// Where in a log line a secret could stand: such fields are blanked, at any process of ours.

const SECRET_FIELDS = ['env', 'Env', 'password', 'passphrase', 'secret', 'token', 'seed', 'credentials', 'authconfig', 'creds', 'authenticator'] as const;
const PLACES = ['', '*.', '*.*.', '*.*.*.', 'order.node.', 'orders[*].node.', 'spec.nodes[*].', '*.spec.nodes[*].'] as const;

/** For pino's `redact`. What goes into a log is chosen field by field; this is the net below. */
export const LOG_REDACTION = {
  paths: [...PLACES.flatMap((place) => SECRET_FIELDS.map((field) => `${place}${field}`)), 'source', '*.source', '*.*.source'],
  censor: '(hidden)',
};

/** A URL without what may be a secret in it. */
export function shownUrl(url: string): string {
  return url.replaceAll(/\/\/[^@/,]*@/g, '//');
}

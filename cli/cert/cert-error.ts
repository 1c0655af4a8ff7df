// The one error class of certificates.

export class CertError extends Error {
  readonly code: 'bad-authority';
  readonly retryable = false;

  constructor(code: 'bad-authority', message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

// A registry on loopback with one small image, which can stall in the middle of a layer: a real pull without the internet.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { execa } from 'execa';

const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`;

export class TestRegistry {
  readonly #server: Server;
  readonly #config: Buffer;
  readonly #layer: Buffer;
  readonly #manifest: Buffer;
  /** Answers that stopped half-way and wait for their client to leave. */
  readonly stalled: ServerResponse[] = [];
  stallLayer = false;
  layerRequests = 0;

  private constructor(layer: Buffer) {
    this.#layer = layer;
    this.#config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Cmd: ['true'] }, rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } }));
    const part = (mediaType: string, content: Buffer) => ({ mediaType, size: content.length, digest: digestOf(content) });
    this.#manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
        config: part('application/vnd.docker.container.image.v1+json', this.#config),
        layers: [part('application/vnd.docker.image.rootfs.diff.tar', layer)],
      }),
    );
    this.#server = createServer((request, response) => this.#answer(request.url ?? '', response));
  }

  /** Starts it on a free port of 127.0.0.1. The layer is random, so that no engine has it yet. */
  static async start(): Promise<TestRegistry> {
    const { stdout } = await execa('sh', ['-c', 'd=$(mktemp -d) && head -c 4000000 /dev/urandom > $d/noise && tar -C $d -cf - noise && rm -r $d'], { encoding: 'buffer' });
    const registry = new TestRegistry(Buffer.from(stdout));
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  image(name: string): string {
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return `127.0.0.1:${port}/${name}`;
  }

  /** Sends the second halves. */
  finishStalled(): void {
    for (const response of this.stalled.splice(0)) response.end(this.#layer.subarray(this.#layer.length / 2));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(url: string, response: ServerResponse): void {
    if (url === '/v2/') return send(response, Buffer.from('{}'));
    if (url.includes('/absent/')) {
      response.statusCode = 404;
      return send(response, Buffer.from(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] })));
    }
    if (url.includes('/manifests/')) {
      response.setHeader('content-type', 'application/vnd.docker.distribution.manifest.v2+json');
      response.setHeader('docker-content-digest', digestOf(this.#manifest));
      return send(response, this.#manifest);
    }
    if (url.endsWith(digestOf(this.#config))) return send(response, this.#config);
    this.layerRequests += 1;
    if (!this.stallLayer) return send(response, this.#layer);
    response.setHeader('content-length', this.#layer.length);
    response.write(this.#layer.subarray(0, this.#layer.length / 2));
    this.stalled.push(response);
  }
}

/** With its length, which engines want to see in the answer to HEAD too. */
function send(response: ServerResponse, content: Buffer): void {
  response.setHeader('content-length', content.length);
  response.end(content);
}

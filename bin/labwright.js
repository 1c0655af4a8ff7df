#!/usr/bin/env node
// Starts the command line of an installed package. Plain JavaScript that old versions of Node can read, to tell them what is needed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED_MAJOR = 24;
// Set-up places a Node only where the one on PATH is too old.
const NODE_OF_SETUP = '/usr/local/lib/labwright/node/bin/node';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// In a clone the sources are there and newer than whatever was built.
const main = [join(root, 'cli', 'main.ts'), join(root, 'dist', 'cli', 'main.js')].find((path) => existsSync(path));

if (main === undefined) {
  fail(`${join(root, 'dist')} is missing: this package is damaged, install it again.`);
} else if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'labwright', 'node'));
  await import(pathToFileURL(main).href);
} else if (existsSync(NODE_OF_SETUP)) {
  handOver(NODE_OF_SETUP, [main, ...process.argv.slice(2)]);
} else {
  fail(`Node ${NEEDED_MAJOR} or later is needed, this is ${process.version} (${process.execPath}). Install it, or run labwright-setup as root, which brings it.`);
}

function fail(text) {
  console.error(`labwright: ${text}`);
  process.exit(1);
}

/** Runs the same command on another Node and ends as it ends. */
function handOver(node, args) {
  const child = spawn(node, args, { stdio: 'inherit' });
  // The terminal sends these to both, and the child decides what they mean.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => fail(`${node} cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

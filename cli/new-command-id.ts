// Names one wish, so that the supervisor carries it out once however often it is sent.
import { randomUUID } from 'node:crypto';
import { CommandId } from '../machines/vocabulary/ids.ts';

export const newCommandId = (): CommandId => CommandId.parse(randomUUID());

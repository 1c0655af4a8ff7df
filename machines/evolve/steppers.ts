// One stepper for each machine of the log, made once.
import { createStepper } from './run-machine.ts';
import { nodeMachine } from '../node/node-machine.ts';
import { linkMachine } from '../link/link-machine.ts';
import { labMachine } from '../lab/lab-machine.ts';

export const nodeStepper = createStepper(nodeMachine);
export const linkStepper = createStepper(linkMachine);
export const labStepper = createStepper(labMachine);

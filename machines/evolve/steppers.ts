// One stepper for each machine, made once.
import { createStepper } from './run-machine.ts';
import { hostMachine } from '../host/host-machine.ts';
import { nodeMachine } from '../node/node-machine.ts';
import { linkMachine } from '../link/link-machine.ts';
import { labMachine } from '../lab/lab-machine.ts';

export const hostStepper = createStepper(hostMachine);
export const nodeStepper = createStepper(nodeMachine);
export const linkStepper = createStepper(linkMachine);
export const labStepper = createStepper(labMachine);

/** The workflows of a worker. */
export { notifyCaller } from './notify-caller';
export { processorLink } from './processor-link';

/** The workflows of a worker. */
export { eraseUser } from './erase-user';
export { notifyCaller } from './notify-caller';
export { processorLink } from './processor-link';

import { noteSignals } from './patch';

export const interceptors = noteSignals('the second change of the year');

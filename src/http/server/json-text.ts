/** JSON text that is answered as it stands, past the serialiser: digits that JavaScript cannot hold are kept. */
export class JsonText {
  constructor(readonly text: string) {}
}

// The JSON schema of lab files for editors, made from the schema that files are read with.
import { z } from 'zod';
import { labEditorSchema } from './lab-file-schema.ts';

/** Renders the schema as JSON text (draft 2020-12), ending with a line break. */
export function renderLabSchema(): string {
  const schema = z.toJSONSchema(labEditorSchema, {
    io: 'input',
    reused: 'ref',
    override: ({ jsonSchema }) => {
      // Files write numbers and booleans where text is meant; both are read as they are written.
      if (jsonSchema['anyScalar'] === true) jsonSchema.type = ['string', 'number', 'boolean'];
      // A section may be left empty.
      else if (jsonSchema.type === 'object') jsonSchema.type = ['object', 'null'];
      delete jsonSchema['anyScalar'];
      if (jsonSchema.description === '') delete jsonSchema.description;
    },
  });
  return `${JSON.stringify({ ...schema, title: 'Lab file of Labwright (containerlab format)' }, undefined, 2)}\n`;
}

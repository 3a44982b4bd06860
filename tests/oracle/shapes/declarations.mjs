// Prints the shapes of Stripe's objects as the declarations of one `stripe` package for Node say them: JSON, kind by
// kind. `node shapes.mjs PACKAGE_DIR`
//
// A kind has one or more shapes; a shape is { field: { optional, type } }; a type is a list of alternatives, each one
// of "string", "number", "boolean", "null", "any", { const: value }, { is: kind }, { array: type }, { map: type } and
// { fields: shape }.
import fs from "node:fs";
import path from "node:path";
import ts from "typescript";

const dir = path.resolve(process.argv[2]);
const files = declarations(dir);
const program = ts.createProgram(files, { target: ts.ScriptTarget.ES2022, strict: true, skipLibCheck: true, types: [] });
const checker = program.getTypeChecker();

const kinds = {};
for (const file of program.getSourceFiles().filter((file) => files.includes(file.fileName))) visit(file);
process.stdout.write(JSON.stringify(kinds));

/** Until 2026 all lay under `types`, in one folder per version at first; since then beside the code. */
function declarations(dir) {
  const types = path.join(dir, "types");
  const root = fs.existsSync(types) ? types : path.join(dir, "cjs");
  return fs
    .readdirSync(root, { recursive: true })
    .map((name) => path.join(root, name))
    .filter((name) => name.endsWith(".d.ts") && !/stripe\.(cjs\.(worker|extensibility)|core)/.test(name));
}

function visit(node) {
  if (ts.isInterfaceDeclaration(node) && !/[\\/]V2[\\/]/.test(node.getSourceFile().fileName)) {
    const type = checker.getTypeAtLocation(node.name);
    const kind = kindOf(type);
    if (kind && !(kind === "event" && node.name.text !== "EventBase" && node.name.text !== "Event")) {
      (kinds[kind] ??= []).push(fields(type, []));
    }
  }
  ts.forEachChild(node, visit);
}

/** The text of `object`, where it is one text. */
function kindOf(type) {
  const object = type.getProperty?.("object");
  if (!object || !type.symbol || !(type.symbol.flags & ts.SymbolFlags.Interface)) return;
  const literal = checker.getTypeOfSymbol(object);
  if (literal.isStringLiteral() && literal.value !== "list" && literal.value !== "search_result") return literal.value;
}

function fields(type, above) {
  const found = {};
  for (const symbol of type.getProperties()) {
    const optional = Boolean(symbol.flags & ts.SymbolFlags.Optional);
    const of = alternatives(checker.getTypeOfSymbol(symbol), [...above, type]);
    if (of.length > 0) found[symbol.name] = { optional, type: of };
  }
  return found;
}

function alternatives(type, above) {
  const members = type.isUnion() ? type.types : [type];
  const all = [];
  for (const member of members) {
    const one = alternative(member, above);
    if (one !== undefined && !all.some((other) => JSON.stringify(other) === JSON.stringify(one))) all.push(one);
  }
  return all;
}

function alternative(type, above) {
  const { flags } = type;
  if (flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Void | ts.TypeFlags.Never)) return undefined;
  if (flags & ts.TypeFlags.Null) return "null";
  if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value };
  if (flags & ts.TypeFlags.BooleanLiteral) return { const: type.intrinsicName === "true" };
  if (flags & ts.TypeFlags.String) return "string";
  if (flags & ts.TypeFlags.Number) return "number";
  // `string & {}`: any other text, where a list of texts may grow.
  if (type.isIntersection() && type.types.some((part) => part.flags & ts.TypeFlags.String)) return "other";
  if (checker.isArrayType(type)) return { array: alternatives(checker.getTypeArguments(type)[0], above) };
  // A decimal is a text on the wire; the newest packages read it into an object of their own.
  if (type.symbol?.name === "Decimal" || type.getProperty?.("_coefficient")) return "string";
  if (above.includes(type)) return "any";
  const kind = kindOf(type);
  if (kind) return { is: kind };
  const index = checker.getIndexInfosOfType(type)[0];
  if (index) return { map: alternatives(index.type, above) };
  if (flags & ts.TypeFlags.Object || type.isIntersection()) return { fields: fields(type, above) };
  return "any";
}

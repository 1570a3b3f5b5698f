// Checks the T-SQL of sql/ with Microsoft's own parsers and binder, without a server. Standard input is the output of
// expand.ts. Every batch must parse for each version, and the objects that the batches create must bind in a model of each
// version: every table, column and procedure that a statement names exists. The exit code is 1 if anything is wrong.
using System.Text.Json;
using Microsoft.SqlServer.Dac.Model;
using Microsoft.SqlServer.TransactSql.ScriptDom;

var databases = JsonSerializer.Deserialize<Database[]>(
    Console.In.ReadToEnd(), new JsonSerializerOptions(JsonSerializerDefaults.Web))!;
var versions = new (SqlServerVersion Version, TSqlParser Parser)[]
{
    (SqlServerVersion.Sql150, new TSql150Parser(true, SqlEngineType.Standalone)),
    (SqlServerVersion.Sql160, new TSql160Parser(true, SqlEngineType.Standalone)),
    (SqlServerVersion.Sql170, new TSql170Parser(true, SqlEngineType.Standalone)),
    (SqlServerVersion.SqlAzure, new TSql170Parser(true, SqlEngineType.SqlAzure)),
};
// A name with other letter case binds in the first, and not in the others; I is not the capital of i in Turkish.
var collations = new[]
{
    "SQL_Latin1_General_CP1_CI_AS", "Turkish_100_CI_AS", "Latin1_General_100_CS_AS", "Latin1_General_100_CI_AS_SC_UTF8",
};

var wrong = new SortedSet<string>(StringComparer.Ordinal);
foreach (var (kind, steps) in databases)
    foreach (var (version, parser) in versions)
    {
        var declarations = new Declarations(parser);
        foreach (var step in steps)
            foreach (var batch in step.Batches)
                foreach (var error in declarations.Add(batch))
                    wrong.Add($"{version}: {kind} {step.Name}: {error}");
        foreach (var collation in collations)
        {
            var options = new TSqlModelOptions { Collation = collation };
            using var model = new TSqlModel(version, options);
            foreach (var declaration in declarations.Scripts) model.AddObjects(declaration);
            // Warnings too: to the binder, a call of a procedure that does not exist is only a warning.
            foreach (var message in model.Validate()) wrong.Add($"{version}, {collation}: {kind}: {message.Message}");
            var procedures = model.GetObjects(DacQueryScopes.UserDefined, Procedure.TypeClass).Count();
            Console.WriteLine($"{version}, {collation}: {kind}: {declarations.Scripts.Count} declarations, {procedures} procedures");
            if (procedures == 0) wrong.Add($"{version}, {collation}: {kind}: the model has no procedures");
        }
    }
foreach (var each in wrong) Console.Error.WriteLine(each);
return wrong.Count == 0 ? 0 : 1;

record Database(string Kind, Step[] Steps);

record Step(string Name, string[] Batches);

// A model holds only declarations. The scripts create what is missing and then alter it, so the guards are taken away, and
// ALTER PROCEDURE becomes CREATE PROCEDURE.
class Declarations(TSqlParser parser)
{
    readonly HashSet<string> scripts = new(StringComparer.Ordinal);
    readonly HashSet<string> roles = new(StringComparer.Ordinal);

    public IReadOnlyCollection<string> Scripts => scripts;

    // Returns what the parser refuses.
    public IEnumerable<string> Add(string batch)
    {
        var fragment = parser.Parse(new StringReader(batch), out var errors);
        if (errors.Count > 0) return errors.Select(error => $"line {error.Line} of a batch: {error.Message}");
        var failures = new List<string>();
        foreach (var statement in ((TSqlScript)fragment).Batches.SelectMany(each => each.Statements)) Collect(statement, failures);
        return failures;
    }

    void Collect(TSqlStatement statement, List<string> failures)
    {
        switch (statement)
        {
            case IfStatement branch:
                Collect(branch.ThenStatement, failures);
                if (branch.ElseStatement != null) Collect(branch.ElseStatement, failures);
                break;
            case BeginEndBlockStatement block:
                foreach (var inner in block.StatementList.Statements) Collect(inner, failures);
                break;
            case ExecuteStatement { ExecuteSpecification.ExecutableEntity: ExecutableStringList { Strings: [StringLiteral text] } }:
                // A procedure or function that the batch after it alters is created with an empty body.
                if (!text.Value.StartsWith("CREATE PROCEDURE") && !text.Value.StartsWith("CREATE FUNCTION"))
                    failures.AddRange(Add(text.Value));
                break;
            case AlterProcedureStatement or AlterFunctionStatement:
                scripts.Add(Text(statement, "CREATE"));
                break;
            // A role has a statement of its own for each kind of server.
            case CreateRoleStatement role when !roles.Add(role.Name.Value):
                break;
            case CreateTableStatement or CreateIndexStatement or CreateViewStatement or CreateSchemaStatement
                or CreateRoleStatement or GrantStatement:
                scripts.Add(Text(statement));
                break;
            // Data, session options, and a table's option that no declaration has (LOCK_ESCALATION).
            case InsertStatement or PredicateSetStatement or AlterTableSetStatement:
                break;
            default:
                failures.Add($"{statement.GetType().Name} is not known to this program; add it to {nameof(Declarations)}");
                break;
        }
    }

    // The statement's own text, its first word replaced when another is given.
    static string Text(TSqlStatement statement, string? firstWord = null)
    {
        var tokens = Enumerable.Range(statement.FirstTokenIndex, statement.LastTokenIndex - statement.FirstTokenIndex + 1)
            .Select(index => statement.ScriptTokenStream[index].Text);
        return string.Concat(firstWord == null ? tokens : tokens.Skip(1).Prepend(firstWord));
    }
}

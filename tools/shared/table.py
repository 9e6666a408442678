"""A table of finished text, the same for the terminal and for Markdown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Column headers and rows of finished text; all columns but ``left`` hold numbers."""

    headers: tuple[str, ...]
    rows: list[tuple[str, ...]]
    left: int = 1  # how many leading columns hold words

    def without_constants(self) -> "Table":
        """Return the table without the columns in which all rows agree, for a narrow screen."""
        varying = [i for i in range(len(self.headers)) if len({row[i] for row in self.rows}) != 1]
        columns = sorted({0, *varying, len(self.headers) - 1})
        return Table(
            tuple(self.headers[i] for i in columns),
            [tuple(row[i] for i in columns) for row in self.rows],
            left=sum(i < self.left for i in columns),
        )

    def markdown(self) -> str:
        """Return the table as GitHub-flavoured Markdown."""
        rule = ["---" if index < self.left else "---:" for index in range(len(self.headers))]
        header, *rows = (
            [cell.replace("|", "\\|") for cell in row] for row in (self.headers, *self.rows)
        )
        lines = [header, rule, *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

namespace PixSearch.Evaluation;

/// <summary>
/// Cheapest assignment of rows to columns (Hungarian method with potentials, O(n^2 m)): what
/// <c>scipy.optimize.linear_sum_assignment</c> solves.
/// </summary>
public static class Assignment
{
    /// <summary>
    /// Assigns every row to a column of its own, or every column to a row when there are fewer columns.
    /// </summary>
    /// <param name="costs">Shape: [rows, columns]; finite.</param>
    /// <returns>Pairs (row, column), by row; <c>min(rows, columns)</c> of them.</returns>
    public static IReadOnlyList<(int Row, int Column)> Solve(double[,] costs)
    {
        (int rows, int columns) = (costs.GetLength(0), costs.GetLength(1));
        if (rows > columns)
        {
            var turned = new double[columns, rows];
            for (int r = 0; r < rows; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    turned[c, r] = costs[r, c];
                }
            }

            return [.. Solve(turned).Select(pair => (pair.Column, pair.Row)).OrderBy(pair => pair.Item1)];
        }

        int[] rowOfColumn = Augment(costs, rows, columns);
        return [.. Enumerable.Range(1, columns).Where(c => rowOfColumn[c] > 0).Select(c => (rowOfColumn[c] - 1, c - 1))
            .OrderBy(pair => pair.Item1)];
    }

    // Rows and columns are counted from 1; 0 means free. One shortest augmenting path a row.
    private static int[] Augment(double[,] costs, int rows, int columns)
    {
        var rowPotential = new double[rows + 1];
        var columnPotential = new double[columns + 1];
        var rowOfColumn = new int[columns + 1];
        var before = new int[columns + 1];
        for (int row = 1; row <= rows; row++)
        {
            rowOfColumn[0] = row;
            int column = 0;
            var slack = new double[columns + 1];
            Array.Fill(slack, double.PositiveInfinity);
            var used = new bool[columns + 1];
            do
            {
                used[column] = true;
                int current = rowOfColumn[column];
                double delta = double.PositiveInfinity;
                int next = 0;
                for (int c = 1; c <= columns; c++)
                {
                    if (used[c])
                    {
                        continue;
                    }

                    double reduced = costs[current - 1, c - 1] - rowPotential[current] - columnPotential[c];
                    if (reduced < slack[c])
                    {
                        (slack[c], before[c]) = (reduced, column);
                    }

                    if (slack[c] < delta)
                    {
                        (delta, next) = (slack[c], c);
                    }
                }

                for (int c = 0; c <= columns; c++)
                {
                    if (used[c])
                    {
                        rowPotential[rowOfColumn[c]] += delta;
                        columnPotential[c] -= delta;
                    }
                    else
                    {
                        slack[c] -= delta;
                    }
                }

                column = next;
            }
            while (rowOfColumn[column] != 0);

            while (column != 0)
            {
                rowOfColumn[column] = rowOfColumn[before[column]];
                column = before[column];
            }
        }

        return rowOfColumn;
    }
}

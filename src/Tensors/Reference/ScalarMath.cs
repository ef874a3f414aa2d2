namespace PixSearch.Tensors;

/// <summary>The element-wise functions and their derivatives, literally.</summary>
internal static class ScalarMath
{
    /// <summary>CLIP's approximation of GELU is x * sigmoid(1.702 x).</summary>
    public const double QuickGeluSlope = 1.702;

    private const double InverseSqrt2 = 0.70710678118654752440;
    private const double InverseSqrt2Pi = 0.39894228040143267794;

    /// <summary>op(x).</summary>
    public static double Apply(UnaryOp op, double x) => op switch
    {
        UnaryOp.Relu => Math.Max(x, 0),
        UnaryOp.Gelu => x * NormalDistribution(x),
        UnaryOp.QuickGelu => x * Sigmoid(QuickGeluSlope * x),
        UnaryOp.Silu => x * Sigmoid(x),
        UnaryOp.Sigmoid => Sigmoid(x),
        UnaryOp.Tanh => Math.Tanh(x),
        UnaryOp.Exp => Math.Exp(x),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "Unknown element-wise function."),
    };

    /// <summary>op'(x), where y = op(x) is at hand.</summary>
    public static double Derivative(UnaryOp op, double x, double y)
    {
        switch (op)
        {
            case UnaryOp.Relu:
                return x > 0 ? 1 : 0;
            case UnaryOp.Gelu:
                return NormalDistribution(x) + (x * InverseSqrt2Pi * Math.Exp(-0.5 * x * x));
            case UnaryOp.QuickGelu:
                double gate = Sigmoid(QuickGeluSlope * x);
                return gate * (1 + (QuickGeluSlope * x * (1 - gate)));
            case UnaryOp.Silu:
                double sigmoid = Sigmoid(x);
                return sigmoid * (1 + (x * (1 - sigmoid)));
            case UnaryOp.Sigmoid:
                return y * (1 - y);
            case UnaryOp.Tanh:
                return 1 - (y * y);
            case UnaryOp.Exp:
                return y;
            default:
                throw new ArgumentOutOfRangeException(nameof(op), op, "Unknown element-wise function.");
        }
    }

    /// <summary>1 / (1 + exp(-x)).</summary>
    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>Phi(x) = (1 + erf(x / sqrt 2)) / 2.</summary>
    public static double NormalDistribution(double x) => 0.5 * ErrorFunctionComplement(-x * InverseSqrt2);

    /// <summary>
    /// erfc(x) to about 1e-15: the Taylor series of erf near 0, and the continued fraction of erfc (Abramowitz and
    /// Stegun 7.1.14, evaluated backwards) elsewhere.
    /// </summary>
    public static double ErrorFunctionComplement(double x)
    {
        double z = Math.Abs(x);
        double result;
        if (z < 2.5)
        {
            // erf(z) = 2/sqrt(pi) * sum (-1)^n z^(2n+1) / (n! (2n+1)); at z = 2.5 the largest term is 52, so 2 digits
            // are lost.
            double term = z;
            double sum = z;
            for (int n = 1; n < 80 && Math.Abs(term) > 1e-18; n++)
            {
                term *= -z * z / n;
                sum += term / ((2 * n) + 1);
            }

            result = 1 - (sum * 2 / Math.Sqrt(Math.PI));
        }
        else
        {
            double fraction = z;
            for (int n = 60; n >= 1; n--)
            {
                fraction = z + (n * 0.5 / fraction);
            }

            result = Math.Exp(-z * z) / (fraction * Math.Sqrt(Math.PI));
        }

        return x >= 0 ? result : 2 - result;
    }
}

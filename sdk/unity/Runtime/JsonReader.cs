using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Hotseat
{
    /// <summary>Reads one JSON text (RFC 8259), strictly; throws FormatException.</summary>
    internal sealed class JsonReader
    {
        private readonly string text;
        private readonly int deepest;
        private int at;

        public JsonReader(string text, int deepest)
        {
            this.text = text;
            this.deepest = deepest;
        }

        public object Whole()
        {
            var value = Value(0);
            Space();
            if (at < text.Length) throw Strange();
            return value;
        }

        private object Value(int depth)
        {
            if (depth > deepest) throw new FormatException("JSON nested too deep");
            Space();
            switch (Peek())
            {
                case '{': return Object(depth);
                case '[': return Items(depth);
                case '"': return Words();
                case 't': return Word("true", true);
                case 'f': return Word("false", false);
                case 'n': return Word("null", null);
                default: return Number();
            }
        }

        private Dictionary<string, object> Object(int depth)
        {
            var result = new Dictionary<string, object>();
            at++;
            Space();
            if (Took('}')) return result;
            do
            {
                Space();
                if (Peek() != '"') throw Strange();
                var key = Words();
                Space();
                if (!Took(':')) throw Strange();
                result[key] = Value(depth + 1);
                Space();
            } while (Took(','));
            if (!Took('}')) throw Strange();
            return result;
        }

        private List<object> Items(int depth)
        {
            var result = new List<object>();
            at++;
            Space();
            if (Took(']')) return result;
            do
            {
                result.Add(Value(depth + 1));
                Space();
            } while (Took(','));
            if (!Took(']')) throw Strange();
            return result;
        }

        private string Words()
        {
            var result = new StringBuilder();
            at++;
            while (true)
            {
                var letter = Peek();
                if (letter < ' ') throw Strange(); // the end of the text, too
                at++;
                if (letter == '"') return result.ToString();
                result.Append(letter == '\\' ? Escaped() : letter);
            }
        }

        private char Escaped()
        {
            var letter = Peek();
            at++;
            switch (letter)
            {
                case '"':
                case '\\':
                case '/': return letter;
                case 'b': return '\b';
                case 'f': return '\f';
                case 'n': return '\n';
                case 'r': return '\r';
                case 't': return '\t';
                case 'u':
                    var digits = at + 4 <= text.Length ? text.Substring(at, 4) : "";
                    if (!ushort.TryParse(digits, NumberStyles.AllowHexSpecifier,
                            CultureInfo.InvariantCulture, out var code)) throw Strange();
                    at += 4;
                    return (char)code;
                default: throw Strange();
            }
        }

        private object Number()
        {
            var start = at;
            Took('-');
            if (!Took('0')) Digits();
            var whole = true;
            if (Took('.'))
            {
                whole = false;
                Digits();
            }
            if (Took('e') || Took('E'))
            {
                whole = false;
                if (!Took('+')) Took('-');
                Digits();
            }
            var digits = text.Substring(start, at - start);
            var plain = CultureInfo.InvariantCulture;
            if (whole && long.TryParse(digits, NumberStyles.AllowLeadingSign, plain, out var count))
            {
                return count;
            }
            if (double.TryParse(digits, NumberStyles.Float, plain, out var number)
                    && !double.IsInfinity(number)) return number;
            throw Strange();
        }

        private void Digits()
        {
            var start = at;
            while (Peek() >= '0' && Peek() <= '9') at++;
            if (at == start) throw Strange();
        }

        private object Word(string word, object value)
        {
            if (string.CompareOrdinal(text, at, word, 0, word.Length) != 0) throw Strange();
            at += word.Length;
            return value;
        }

        private void Space()
        {
            while (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r') at++;
        }

        private bool Took(char letter)
        {
            if (Peek() != letter) return false;
            at++;
            return true;
        }

        private char Peek()
        {
            return at < text.Length ? text[at] : '\0';
        }

        private FormatException Strange()
        {
            return new FormatException($"no JSON at character {at}");
        }
    }
}

"""Right answers that are written in other ways than the solution, by function: places to edit."""

from textwrap import dedent

Function = tuple[str, str]  # class and function

SPELLINGS: dict[Function, tuple[str, ...]] = {
    ("CusQuantObserver", "scale_approximate"): (
        """
        if not scale > 0:
            return 2.0**-max_shift_amount
        if scale == math.inf:
            return 1.0
        shift = math.floor(0.5 - math.log2(scale))
        if shift < 0:
            shift = 0
        elif shift > max_shift_amount:
            shift = max_shift_amount
        return 1.0 / (1 << shift)
        """,
        """
        best = max_shift_amount
        if scale > 0:
            wanted = min(max(-math.log2(min(scale, 1e300)), 0), max_shift_amount)
            for shift in range(max_shift_amount + 1):
                if abs(shift - wanted) < abs(best - wanted):
                    best = shift
        return 2.0**-best
        """,
        """
        try:
            shift = round(-math.log2(scale))
        except (ValueError, OverflowError):
            shift = 0
        shift = 0 if shift < 0 else shift
        return 0.5 ** (shift if shift <= max_shift_amount else max_shift_amount)
        """,
        """
        if math.isnan(scale) or scale <= 2.0**-max_shift_amount:
            return 2.0**-max_shift_amount
        if scale >= 1:
            return 1.0
        mantissa, exponent = math.frexp(scale)
        if mantissa * mantissa < 0.5:
            exponent = exponent - 1
        return 2.0**exponent
        """,
    ),
    ("QuantizableBottleneck", "forward"): (
        """
        identity = x
        if self.downsample is not None:
            identity = self.downsample(identity)
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu1(out)
        out = self.conv2(out)
        out = self.bn2(out)
        out = self.relu2(out)
        out = self.conv3(out)
        out = self.bn3(out)
        out = self.add_relu(out, identity)
        return out
        """,
        """
        out = x
        for layer in (self.conv1, self.bn1, self.relu1, self.conv2, self.bn2, self.relu2):
            out = layer(out)
        out = self.bn3(self.conv3(out))
        return self.add_relu(out, self.downsample(x) if self.downsample else x)
        """,
    ),
    ("QuantizableBottleneck", "add_relu"): (
        """
        functional = self.skip_add_relu
        total = functional.add_relu(out, identity)
        return total
        """,
    ),
    ("QuantizableBottleneck", "fuse_model"): (
        """
        if is_qat:
            fuse = tq.fuse_modules_qat
        else:
            fuse = tq.fuse_modules
        fuse(self, ["conv1", "bn1", "relu1"], inplace=True)
        fuse(self, ["conv2", "bn2", "relu2"], inplace=True)
        fuse(self, ["conv3", "bn3"], inplace=True)
        if self.downsample is not None:
            fuse(self, ["downsample.0", "downsample.1"], inplace=True)
        """,
        """
        groups = [[f"conv{n}", f"bn{n}", f"relu{n}"] for n in (1, 2)] + [["conv3", "bn3"]]
        if self.downsample:
            groups.append(["downsample.0", "downsample.1"])
        for group in groups:
            if is_qat:
                tq.fuse_modules_qat(self, group, inplace=True)
            else:
                tq.fuse_modules(self, group, inplace=True)
        """,
    ),
    ("QuantizableResNet", "forward"): (
        """
        x = self.quant(x)
        x = self.conv1(x)
        x = self.bn1(x)
        x = self.relu(x)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        x = self.avgpool(x)
        x = x.flatten(1)
        x = self.fc(x)
        x = self.dequant(x)
        return x
        """,
        """
        out = self.relu(self.bn1(self.conv1(self.quant(x))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            for index in range(len(stage)):
                out = stage[index](out)
        out = self.avgpool(out)
        out = out.reshape(out.shape[0], -1)
        return self.dequant(self.fc(out))
        """,
        """
        y = self.quant(x)
        for layer in (self.conv1, self.bn1, self.relu, self.layer1, self.layer2):
            y = layer(y)
        for block in (*self.layer3, *self.layer4):
            y = block(y)
        y = torch.flatten(self.avgpool(y), start_dim=1)
        return self.dequant(self.fc(y))
        """,
    ),
    ("QuantizableResNet", "fuse_model"): (
        """
        if is_qat:
            tq.fuse_modules_qat(self, [["conv1", "bn1", "relu"]], inplace=True)
        else:
            tq.fuse_modules(self, [["conv1", "bn1", "relu"]], inplace=True)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in stage:
                block.fuse_model(is_qat=is_qat)
        """,
        """
        for name, block in list(self.named_modules()):
            if type(block) is QuantizableBottleneck:
                block.fuse_model(is_qat)
        fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
        fuse(self, ["conv1", "bn1", "relu"], inplace=True)
        """,
    ),
    ("CusQuantObserver", "calculate_qparams"): (
        """
        bounds = torch.stack([self.min_val, self.max_val]).abs()
        scale = float(self.scale_approximate(2 * bounds.max().item() / 255))
        zero_point = 0 if self.dtype == torch.qint8 else 128
        return torch.tensor([scale]), torch.tensor([zero_point])
        """,
    ),
}


def spelling(function: Function, index: int) -> str:
    return dedent(SPELLINGS[function][index]).strip()
